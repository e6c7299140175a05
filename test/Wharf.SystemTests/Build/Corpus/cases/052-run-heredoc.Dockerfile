FROM busybox
RUN <<EOF
echo one > /1
echo two > /2
EOF
RUN cat <<EOF > /3
three $HOME
EOF
RUN <<EOF
#!/bin/sh
echo script > /4
EOF
