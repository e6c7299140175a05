FROM busybox
COPY --chmod=777 dir /d7
COPY --chmod=775 dir/ /e/x/
COPY --chmod=1775 dir /st/a
COPY --chmod=6755 dir/sub /ss
COPY --chmod=4700 dir/sub /s7
COPY --chmod=700 a.txt /p/q
