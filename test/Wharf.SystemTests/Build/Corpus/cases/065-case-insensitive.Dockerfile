from busybox
run echo x > /x
env A=1
cmd ["a"]
