"""What `dlas plan` prints of a study that is too long to list."""

from handmade import plan_of, stack

from dlas.cli import plan


def test_of_a_long_study_every_reason_is_told_once_with_its_count(capsys):
    stacks = [stack(compression=f"weight-prune@{n / 100:g}") for n in range(1, 61)]
    labels = [one.difference(stack()) for one in stacks]
    obstacles = {**dict.fromkeys(labels[:5], "too sparse"), **dict.fromkeys(labels[-15:], "no such kernel")}
    plan._print_cells(plan_of(*stacks, obstacles=obstacles))
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "by-hand: 61 cells, 20 of them inapplicable"
    assert told[-3:] == ["  … and 21 more", "  15 inapplicable: no such kernel", "  5 inapplicable: too sparse"]


def test_a_short_study_tells_each_cell_alone(capsys):
    one = stack(compression="int8")
    plan._print_cells(plan_of(one, obstacles={one.difference(stack()): "no such kernel"}))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  baseline",
        "  compression=int8: inapplicable, no such kernel",
    ]
