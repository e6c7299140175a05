FROM busybox
RUN echo $HOME > /h1
RUN mkdir -p /etc && chmod 777 /tmp && echo joe:x:1000:1000::/home/joe:/bin/sh > /etc/passwd
USER joe
RUN echo $HOME > /tmp/h2
