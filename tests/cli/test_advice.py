"""What `dlas compare` recommends where both versions can run on one host."""

import json

from handmade import cube_of, measured, stack

from dlas.cli.compare import advice


def cube(**packages):
    made = cube_of({stack(): measured(), stack(codegen="onnxruntime"): measured(0.9)})
    return made.assign_attrs(environment=json.dumps({"packages": packages}))


def test_the_command_names_the_runtime_whose_version_changed():
    said = advice(cube(openvino="2025.1", onnxruntime="1.23.2"), cube(openvino="2025.1", onnxruntime="1.31.1"))
    assert said.endswith(
        "With a Python that has onnxruntime 1.23.2: dlas perturb --set codegen=onnxruntime "
        '--data before=THAT/bin/python --layer "codegen=onnxruntime onnxruntime@python=before"'
    )


def test_where_no_runtime_changed_there_is_no_command():
    said = advice(cube(openvino="2025.1"), cube(openvino="2025.1", numpy="2"))
    assert said.endswith("smaller differences show than between two sessions.")


def test_a_runtime_that_is_not_installed_here_is_advised_nothing():
    before, after = (cube(openvino=version).assign_coords(codegen=["gone", "lost"]) for version in ("1", "2"))
    assert advice(before, after) == advice(cube(openvino="1"), cube(openvino="1"))
