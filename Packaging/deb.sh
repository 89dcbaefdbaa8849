#!/usr/bin/env bash
# deb.sh BUILD FOLDER: makes a Debian package of the program that was built in BUILD, as FOLDER/decant_VERSION_ARCHITECTURE.deb, and prints
# its name. What it depends on is what dpkg-shlibdeps finds in the program. Its maintainer is who makes it: DEBFULLNAME and DEBEMAIL, or git's
# user.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "$1") folder=$(realpath -m "$2")
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

# A commit that has no tag is before the version that it is on the way to.
version=$("$build/decant" --version | sed -n '1s/decant //p')
commit=$("$build/decant" --version | sed -nE 's/^Commit +([0-9a-f]{12})[0-9a-f]*( and changes)?$/\1\2/p' | sed 's/ and changes/.changed/')
time=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || date +%s)}
if [ -n "$commit" ] && [ "$(git -C "$here" describe --exact-match --tags "${commit%.changed}" 2>/dev/null)" != "v$version" ]; then
  version="$version~git$(date -u -d "@$time" +%Y%m%d).$commit"
fi

root=$work/root
doc=$root/usr/share/doc/decant
"$here/install.sh" "$build" "$root/usr" "$root/usr/share/zsh/vendor-completions"
# Debian has the licence once for all packages; `copyright` names it.
rm "$doc/LICENSE"
install -D -m 644 "$here/debian/copyright" "$doc/copyright"
maintainer="${DEBFULLNAME:-$(git -C "$here" config user.name)} <${DEBEMAIL:-$(git -C "$here" config user.email)}>"
cat >"$work/changelog" <<END
decant ($version) unstable; urgency=medium

  * Built of ${commit:+commit }${commit:-an archive of the sources}.

 -- $maintainer  $(date -u -R -d "@$time")
END
gzip -9n <"$work/changelog" >"$doc/changelog.gz"
gzip -9n "$root/usr/share/man/man1"/*.1

# dpkg-shlibdeps wants a source package around it.
mkdir -p "$work/debian" "$root/DEBIAN"
cp "$here/debian/control" "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/decant" | sed -n 's/^shlibs:Depends=//p')
(cd "$root" && find usr -type f -printf '%P\n' | sed 's|^|usr/|' | LC_ALL=C sort | xargs -d '\n' md5sum >DEBIAN/md5sums)
{
  echo "Package: decant"
  echo "Version: $version"
  echo "Architecture: $architecture"
  echo "Installed-Size: $(du -k -s --apparent-size "$root/usr" | cut -f1)"
  echo "Depends: $depends"
  echo "Maintainer: $maintainer"
  grep -E '^(Section|Priority|Description|Homepage| )' "$here/debian/control"
} >"$root/DEBIAN/control"

mkdir -p "$folder"
package=$folder/decant_${version}_$architecture.deb
SOURCE_DATE_EPOCH=$time dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
