FROM busybox
ARG v=foo.bar.baz
ENV A=${v#*.} B=${v##*.} C=${v%.*} D=${v%%.*} E=${v/bar/X} F=${v//b/Y} G=${v/nope/X}
