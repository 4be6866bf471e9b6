# paging out folios of several pages, whole and in part
file f0 ext4 256 fill cold
mmap 0 256 rw shared f0
read 0 256
sleep 50
madvise 130 2 pageout
sleep 50
snap lru,pagemap,kpf
mincore 0 256
madvise 160 32 pageout
sleep 50
mincore 0 256
snap lru,pagemap,kpf
read 130
read 160
sleep 50
snap lru,pagemap,kpf
write 200 1
madvise 192 32 pageout
sleep 50
mincore 0 256
snap pagemap
read 193
sleep 50
snap lru,pagemap,kpf,smaps
