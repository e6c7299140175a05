FROM busybox
CMD ["x"]
ENTRYPOINT ["/bin/echo"]
