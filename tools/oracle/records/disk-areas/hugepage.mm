# madvise hugepage of a file
file f0 ext4 2048 fill cold
mmap 0 2048 r shared f0
madvise 0 2048 hugepage
read 600
sleep 50
mincore 0 2048
snap pagemap,kpf,lru,smaps,status
read 100
sleep 50
mincore 0 2048
snap pagemap,smaps,kpf
