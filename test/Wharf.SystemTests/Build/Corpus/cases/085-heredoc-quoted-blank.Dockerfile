FROM busybox
RUN <<"the end" cat > /o
a $PATH
the end
RUN <<'two words'
echo "$HOME" > /p
two words
