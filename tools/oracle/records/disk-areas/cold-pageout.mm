# madvise cold and pageout: clean and dirty pages, shared ones, pages of several mappings
file f0 ext4 64 fill
mmap 0 32 rw private f0
mmap 100 32 rw shared f0
mmap 200 16 r shared f0 32
mmap 300 16 r private f0 48
read 0
read 100
read 200
read 300
write 103 1
write 204 1
write 110 1
pread f0 33
pread f0 34
pread f0 33
pread f0 35
snap lru
madvise 200 16 cold
madvise 300 4 cold
madvise 0 16 cold
snap lru,pagemap,smaps
read 200
read 300
clear_refs 1
snap lru,smaps
read 205
madvise 200 16 cold
snap lru,smaps
madvise 100 16 pageout
sleep 50
snap lru,pagemap,mapcount
mincore 100 32
madvise 200 16 pageout
madvise 300 8 pageout
sleep 50
mincore 200 16
mincore 300 16
snap lru,pagemap,mapcount
read 300
sleep 50
read 200
sleep 50
snap lru,pagemap,mapcount,numa
munmap 0 32
madvise 100 16 pageout
sleep 50
mincore 100 32
snap pagemap
read 105
sleep 50
mincore 100 32
snap pagemap,lru
read 103
sleep 50
read 110
sleep 50
snap lru,pagemap,mapcount,numa,status
fsync f0
snap lru,pagemap,numa
madvise 100 32 pageout
mincore 100 32
madvise 300 16 willneed
sleep 50
read 303
snap lru,pagemap,numa
