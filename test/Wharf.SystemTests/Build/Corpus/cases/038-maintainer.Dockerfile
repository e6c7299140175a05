FROM busybox
MAINTAINER Jane <jane@example.com>
