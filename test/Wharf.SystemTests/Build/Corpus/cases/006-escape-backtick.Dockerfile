# escape=`
FROM busybox
RUN echo a `
 && echo b > /b
ENV P=c:\x
