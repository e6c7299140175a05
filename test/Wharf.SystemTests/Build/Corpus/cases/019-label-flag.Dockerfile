# args: --label a=2 --label b=3
FROM busybox
LABEL a=1
