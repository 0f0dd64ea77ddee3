#!/usr/bin/env bash
# A rustc that can build for arm64 Linux, for machines whose own cannot and whose rustup reaches no server: Debian's, with
# the standard library of both processors, unpacked into a folder of its own. Nothing is installed and no root is needed.
# Usage: cross-rust.sh FOLDER; prints the path of the compiler.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
rustc=$folder/rustc
library=usr/lib/rustlib/aarch64-unknown-linux-gnu

if [[ ! -x $rustc || ! -d $folder/root/$library ]]; then
  [[ $(dpkg --print-architecture 2>/dev/null) == amd64 ]] ||
    { echo "only Debian's compiler for x86_64 machines is known here" >&2; exit 1; }
  mkdir -p "$folder"/{lists,cache/archives/partial,debs,root}
  cat >"$folder/apt.conf" <<CONF
#clear APT::Architectures;
APT::Architectures { "amd64"; "arm64"; };
Dir::State::Lists "$folder/lists";
Dir::Cache "$folder/cache";
Acquire::Languages "none";
Acquire::http::Timeout "30";
APT::Sandbox::User "root";
CONF
  export APT_CONFIG=$folder/apt.conf
  apt-get -qq update >&2
  # The packages of one compiler version, and the library that it loads LLVM from.
  std=$(apt-cache depends rustc-web | sed -n 's/.*Depends: \(libstd-rust-web-dev\).*/\1/p' | head -1)
  [[ -n $std ]] || { echo "this Debian has no rustc-web" >&2; exit 1; }
  shared=$(apt-cache depends "$std" | sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\).*/\1/p' | head -1)
  llvm=$(apt-cache depends "$shared" | sed -n 's/.*Depends: \(libllvm[0-9]*\).*/\1/p' | head -1)
  (cd "$folder/debs" && rm -f ./*.deb && apt-get -qq download rustc-web:amd64 "$std:amd64" "$std:arm64" "$shared:amd64" "$llvm:amd64" >&2)
  for deb in "$folder"/debs/*.deb; do dpkg -x "$deb" "$folder/root"; done
  rm -rf "$folder/debs" "$folder/lists" "$folder/cache"
  cat >"$rustc" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu exec $folder/root/usr/bin/rustc "\$@"
WRAPPER
  chmod +x "$rustc"
fi
"$rustc" --version >&2
echo "$rustc"
