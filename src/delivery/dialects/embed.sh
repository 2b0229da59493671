#!/bin/sh
# The files as rows of C: { "NAME", "TEXT" }. Used by the build.
for file; do
    name=${file##*/}
    printf '{"%s",\n' "${name%.yaml}"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/ "/' -e 's/$/\\n"/' "$file"
    printf '},\n'
done
