FROM busybox
ARG who=world
COPY <<EOF /h.txt
hello $who
  indented
EOF
COPY <<'EOF' <<-TAB /d/
raw $who
EOF
	tabbed $who
	TAB
