# Sourced by the tests beside it: a bare Debian in a folder of its own, made once and unpacked anew for each test.
# in_chroot COMMAND...: runs it there. CHROOT: the folder. leave: removes it, by itself at the end.

for needed in debootstrap chroot; do
  command -v "$needed" >/dev/null || { echo "$0 needs $needed" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "$0 has to be run by root, for chroot" >&2; exit 1; }

SUITE=${SUITE:-bookworm}
base=${CHROOT_CACHE:-${TMPDIR:-/tmp}/decant-chroots}/$SUITE.tar
if [ ! -f "$base" ]; then
  mkdir -p "$(dirname "$base")"
  debootstrap --variant=minbase "$SUITE" "$base.folder" >/dev/null
  tar -C "$base.folder" -cf "$base.new" .
  rm -rf "$base.folder"
  mv "$base.new" "$base"
fi
CHROOT=$(mktemp -d)
leave() { umount "$CHROOT/proc" 2>/dev/null || true; rm -rf "$CHROOT"; }
trap leave EXIT
tar -C "$CHROOT" -xf "$base"
# Names are looked up as outside, so that packages can be fetched.
cp /etc/resolv.conf "$CHROOT/etc/resolv.conf"

mount_proc() { mount -t proc proc "$CHROOT/proc"; }
in_chroot() { env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive chroot "$CHROOT" "$@"; }
