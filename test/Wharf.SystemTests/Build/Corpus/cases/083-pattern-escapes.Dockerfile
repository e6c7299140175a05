FROM busybox
ARG V=foo/bar*foo.x
ENV A=${V/o/\/} B=${V/\//-} C=${V%\*foo*} D=${V//\*/s} E=${V%%.*} F="${V##*\/}" G=${V#foo\/}
RUN env | grep "^[A-G]=" | sort > /o
