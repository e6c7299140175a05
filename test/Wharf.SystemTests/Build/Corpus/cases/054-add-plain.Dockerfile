FROM busybox
ADD a.txt dir /add/
