#!/bin/sh
# Prints a folder in memory for what tests make, or nothing where 8 GB of it are not free or programs may not run there.
# Their servers make thousands of databases of three hundred files each; a disk takes ten times as long for that.
set -eu
folder=/dev/shm
enough=8000000 # kB
room=$(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print $4 }')
memory=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null || true)
if [ "${room:-0}" -lt $enough ] || [ "${memory:-0}" -lt $enough ]; then exit; fi
if awk -v folder="$folder" '$2 == folder { print $4 }' /proc/mounts | grep -q noexec; then exit; fi
echo "$folder"
