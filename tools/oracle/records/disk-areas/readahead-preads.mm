# reading bytes of a cold file: the first window, windows that grow, strides, backwards
file f0 ext4 256 fill cold
file f1 ext4 64 fill cold
mmap 0 256 r shared f0
mmap 300 64 r shared f1
pread f0 0
sleep 20
mincore 0 256
pread f0 1
sleep 20
mincore 0 256
pread f0 2
pread f0 3
pread f0 4
sleep 20
mincore 0 256
pread f0 8
pread f0 11
pread f0 12
sleep 20
mincore 0 256
pread f0 13
pread f0 16
sleep 20
mincore 0 256
pread f0 17
pread f0 32
sleep 20
mincore 0 256
pread f0 150
sleep 20
pread f0 151
sleep 20
pread f0 152
sleep 20
pread f0 153
sleep 20
mincore 0 256
pread f0 100
sleep 20
pread f0 98
sleep 20
pread f0 99
sleep 20
pread f0 101
sleep 20
mincore 0 256
pread f0 255
pread f0 256
pread f0 255.4095
sleep 20
mincore 0 256
read 0 40
sleep 20
snap pagemap,kpf,lru
pread f1 63
sleep 20
pread f1 1
sleep 20
pread f1 0
sleep 20
pread f1 2
sleep 20
mincore 300 64
pread f1 5
pread f1 6
sleep 20
mincore 300 64
read 300 64
snap pagemap,kpf,lru
