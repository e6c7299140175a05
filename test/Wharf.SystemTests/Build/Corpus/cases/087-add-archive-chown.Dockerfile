FROM busybox
ADD --chown=9:8 arch.tar.gz /x/y
ADD --chown=7 arch.tar.gz a.txt /z/
