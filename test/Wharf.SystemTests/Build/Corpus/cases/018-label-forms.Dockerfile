FROM busybox
LABEL a=b "quoted key"="quoted value" multi="line1\
line2"
LABEL old style
LABEL com.example.x='single'
