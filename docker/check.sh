#!/usr/bin/env bash
# Builds the image without a Docker engine, on a base made of Debian's packages in place of Docker's. Runs `dlas doctor`
# in it, then the smoke study from nothing, then `dlas plan`, by which nothing may be left to measure. Compares
# accuracies and latencies with those of the same study outside, where it was run.
#   docker/check.sh [CUBE.nc]
# Skips, and says so, where buildah, podman, runc and debootstrap are not there and cannot be installed.
set -euo pipefail
cd "$(dirname "$0")/.."
outside=$(realpath -m "${1:-artifacts/across-stack/smoke.nc}")
work=${DLAS_CHECK:-/tmp/dlas-docker-check}
base=docker.io/library/$(sed -n 's/^FROM //p' docker/Dockerfile)
tools="buildah podman runc debootstrap"

skip() { echo "docker/check.sh: skipped: $1"; exit 0; }
there() { for tool in $tools; do command -v "$tool" > /dev/null || return 1; done; }

[ "$(id -u)" = 0 ] || skip "needs root, to make the base image"
if ! there; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $tools; } \
        > /dev/null 2>&1 || skip "cannot install $tools"
fi
there || skip "cannot install $tools"
mkdir -p "$work"

if ! podman image exists "$base"; then
    [ -f "$work/base.tar" ] || {
        rm -rf "$work/root"
        debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/root" \
            > "$work/debootstrap.log" 2>&1 || skip "debootstrap cannot reach Debian (see $work/debootstrap.log)"
        tar -C "$work/root" -cf "$work/base.partial" .
        mv "$work/base.partial" "$work/base.tar"
        rm -rf "$work/root"
    }
    podman import --quiet "$work/base.tar" "$base" > /dev/null
fi

# The build sees this machine's certificates and, of DLAS_CHECK_MOUNTS, what its pip is told: settings, folders of wheels.
seen=()
for path in /etc/ssl/certs /usr/share/ca-certificates /usr/local/share/ca-certificates /etc/pip.conf ${DLAS_CHECK_MOUNTS:-}; do
    [ -e "$path" ] && seen+=(--volume "$path:$path:ro")
done
arguments=()
[ -v DLAS_CHECK_TORCH_INDEX ] && arguments+=(--build-arg "TORCH_INDEX=$DLAS_CHECK_TORCH_INDEX")
buildah bud --isolation chroot --network host --pull=never --layers "${seen[@]}" "${arguments[@]}" \
    --ignorefile docker/Dockerfile.dockerignore --file docker/Dockerfile --tag dlas . > "$work/build.log" 2>&1 \
    || { tail -30 "$work/build.log"; echo "docker/check.sh: the image cannot be built; see $work/build.log"; exit 1; }
bytes=$(podman image inspect --format '{{.Size}}' dlas)
echo "image: $((bytes / 1000000)) MB"
[ "$bytes" -le 3000000000 ]

inside() {
    podman --runtime runc --cgroup-manager cgroupfs run --rm --network none --user 1000:1000 \
        --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 --volume "$work/mounted:/work" dlas "$@"
}
rm -rf "$work/mounted"  # of an earlier image: its figures would be compared in place of this one's
mkdir "$work/mounted"
chown 1000:1000 "$work/mounted"
inside doctor --quick --quiet
inside run /opt/studies/across-stack/smoke.toml --out /work/smoke.nc
inside plan /opt/studies/across-stack/smoke.toml --out /work/smoke.nc | grep '^to measure: 0 of '
[ "$(stat -c %u "$work/mounted/smoke.nc")" = 1000 ]

if [ -f "$outside" ]; then
    "${PYTHON:-.venv/bin/python}" docker/agree.py "$outside" "$work/mounted/smoke.nc"
else
    echo "docker/check.sh: $outside is not there (make study-smoke), so nothing is compared with it"
fi
