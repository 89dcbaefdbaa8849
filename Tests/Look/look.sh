#!/usr/bin/env bash
# Pages of reports as a browser shows them: of 1, 3 and 12 models, and of an estimate, at three widths, light and dark, and on paper.
# For a person to look at. DECANT: the program; LOOK_MODEL and LOOK_TEXT: another model and text; LOOK_FOLDER: where the pictures go.
set -euo pipefail
cd "$(dirname "$0")/../.."
model=${LOOK_MODEL:-Tests/Fixtures/TinyLlama}
text=${LOOK_TEXT:-Tests/Fixtures/heldout.txt}
folder=$(mkdir -p "${LOOK_FOLDER:-.build/look}" && cd "${LOOK_FOLDER:-.build/look}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=$(basename "$model")

types=(q8_0 q4_k_m nf4 q6_k q5_k_m q4_0 q3_k_m q2_k int8 iq4_xs mxfp4 tq2_0)
outputs=()
for type in "${types[@]}"; do
  case $type in nf4 | int8) output=$work/$name-$type ;; *) output=$work/$name-$type.gguf ;; esac
  "$DECANT" quantize "$model" "$output" --type "$type" --quiet
  outputs+=("$output")
done
for count in 1 3 12; do
  "$DECANT" compare "$model" "${outputs[@]:0:count}" --text "$text" --context "${LOOK_CONTEXT:-256}" --chunks 8 --quiet \
    --report "$folder/$count.html" --force --json >"$folder/$count.json"
done

"$DECANT" estimate "$model" --memory "${LOOK_MEMORY:-6MB,8MB}" --report "$folder/estimate.html" --force --quiet --json \
  >"$folder/estimate.json"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
profile="--user-data-dir=$work/profile"
look() { # page, picture, width, height, options
  "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars "$profile" "${@:5}" \
    --window-size="$3,$4" --screenshot="$folder/$2" "file://$folder/$1" >/dev/null 2>&1
  test -s "$folder/$2"
}
for count in 1 3 12 estimate; do
  for size in 390x6000 820x5000 1280x4500; do
    look "$count.html" "$count-${size%x*}-light.png" "${size%x*}" "${size#*x}"
    look "$count.html" "$count-${size%x*}-dark.png" "${size%x*}" "${size#*x}" \
      --force-dark-mode --enable-features=WebContentsForceDark:none
  done
  "$browser" --headless --no-sandbox --disable-gpu "$profile" --no-pdf-header-footer --print-to-pdf="$folder/$count.pdf" \
    "file://$folder/$count.html" >/dev/null 2>&1
  test -s "$folder/$count.pdf"
done
# The one of the README.
look 3.html report.png 1280 1150
echo "pictures are in $folder"
