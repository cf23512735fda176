#!/bin/sh
# Starts a command of Forewarn with the kernels that were compiled when the image was built: numba takes them only from a
# folder that it may write to, and the image is read-only. On another kind of processor they are compiled anew.
set -eu
cp -a /opt/kernels/. "$NUMBA_CACHE_DIR"
exec forewarn "$@"
