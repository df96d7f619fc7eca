#!/bin/sh
# Records what the real docker CLI (28.2.2) prints for help and for wrong command lines, with no daemon in reach:
#   crates/wharf/tests/golden/record.sh
# Each case: `=== words, separated by tabs`, `exit N`, `--- stdout`, its lines, `--- stderr`, its lines.
set -u
cd "$(dirname "$0")" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export DOCKER_CONFIG="$folder/config" DOCKER_HOST=unix:///nonexistent.sock

record() {
    printf '==='
    for word in "$@"; do printf '\t%s' "$word"; done
    printf '\n'
    docker "$@" >"$folder/out" 2>"$folder/err" </dev/null
    printf 'exit %s\n--- stdout\n' $?
    cat "$folder/out"
    printf -- '--- stderr\n'
    cat "$folder/err"
}

{
    for command in pull push images tag inspect history rmi save load import login logout search info version \
        "image ls" "image list" "image inspect" "image history" "image rm" "image remove" "image prune" "image pull" "image push" \
        "image tag" "image save" "image load" "image import" manifest "manifest inspect" "manifest create" \
        "manifest annotate" "manifest push" "manifest rm" "system df" "system prune" "system info" "container inspect" \
        "container prune" commit cp "container cp" diff export "container commit" "container diff" "container export" port top stats "container stats" "network" "network create" "network ls" "network inspect" "network rm" "network connect" "network disconnect" "network prune" "volume inspect" "volume prune" "volume rm" "help pull" \
        "--help images" "images -h"; do
        case $command in
            *help* | *-h*) record $command ;;
            *) record $command --help ;;
        esac
    done
} >help.txt

while IFS= read -r line; do
    eval "record $line"
done >usage-errors.txt <<'CASES'
pull
pull a b
pull --foo
pull -Z x
pull -q=x y
pull --quiet=
rmi
image rm
image remove
inspect
history
history a b
tag a
tag a b c
tag --foo a b
tag a b --foo
images a b
images --filter
images -f
images -f a
images -qz
images --no-trunc=maybe
images -q=
images --=x
images ---x
images --help --foo
images --foo --help
image ls a b
image list a b
image frob
image ""
image --foo
image help
frob
""
--foo
-Z images
--config
images --log-level debug
history -H=maybe x
search --limit x y
search --limit= y
search --limit 99999999999999999999 y
search
image prune --filter until
image prune x
system frob
system df x
rmi --platform '"a' x
save
load x
import
login a b
logout a b
info a
version a
manifest inspect
manifest inspect a b c
manifest create a
manifest annotate a
manifest push
manifest rm
help frob
CASES
