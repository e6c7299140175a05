FROM busybox
COPY --chmod=0640 a.txt /x1/y/z
COPY --chmod=0640 a.txt /x2/y/
COPY --chmod=0640 dir /x3/y
COPY --chmod=0640 dir /x4/y/
COPY --chmod=u=rwx,go=x a.txt /x5/y/
COPY --chmod=0640 a.txt dir /x6/y/
RUN mkdir /x7
COPY --chmod=0640 a.txt /x7/y/
COPY --chmod=g+w dir /x8/y/
COPY --link --chmod=0640 a.txt /x9/y/
ADD --chmod=0640 a.txt /xb/y/
COPY --chmod=0640 <<EOF /xc/y/h
EOF
COPY --chown=33:33 --chmod=0640 a.txt /xd/y/
COPY --chmod=u=rwx,go=x dir /xe/y/
COPY --chmod=0640 --from=busybox /etc/passwd /xf/y/
