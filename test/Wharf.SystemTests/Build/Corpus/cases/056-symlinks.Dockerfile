FROM busybox
COPY links /l
COPY links/tofile /f
COPY links/todir /g
