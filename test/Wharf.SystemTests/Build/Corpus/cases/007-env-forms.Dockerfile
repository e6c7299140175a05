FROM busybox
ENV A=1 B="two words" C=three\ words D='single $A'
ENV OLD value with spaces
ENV E=$A-${B} F=${A:-x} G=${NONE:-dflt} H=${A:+set} I=${NONE:+set}
RUN env | grep -E '^[A-I]=|OLD' | sort > /env
