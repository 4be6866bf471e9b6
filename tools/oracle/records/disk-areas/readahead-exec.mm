# mappings that may be executed read ahead from the fault on, to their end
file f0 ext4 256 fill cold
mmap 0 128 rx private f0 10
read 50
sleep 50
mincore 0 128
snap pagemap,kpf
read 82
sleep 50
mincore 0 128
read 120
sleep 50
mincore 0 128
read 48
sleep 50
mincore 0 128
snap pagemap,kpf,lru,smaps
mmap 300 60 rwx private f0 190
read 310
sleep 50
write 320 1
madvise 300 60 random
read 355
sleep 50
mincore 300 60
snap pagemap,kpf
