# madvise sequential from the first page and from elsewhere
file f0 ext4 512 fill cold
mmap 0 512 r private f0
madvise 0 512 sequential
read 50
sleep 50
mincore 0 512
snap pagemap,kpf
read 82
sleep 50
mincore 0 512
read 83 40
sleep 50
mincore 0 512
read 0
sleep 50
mincore 0 512
read 1 60
sleep 50
mincore 0 512
snap pagemap,kpf,lru
read 300
read 332
read 364
sleep 50
mincore 0 512
munmap 100 100
munmap 0 20
mmap 0 20 r private f0
mmap 100 100 r private f0 100
read 0
read 110
snap lru
