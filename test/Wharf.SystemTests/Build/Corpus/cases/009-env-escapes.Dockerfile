FROM busybox
ENV A=\$notvar B="a\"b" C='d"e' D="x\ty" E=a\\b F="${A}z"
