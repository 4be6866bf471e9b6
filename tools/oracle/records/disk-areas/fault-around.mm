# what a fault maps besides: windows, ends of mappings, files and page tables, holes
file f0 ext4 64 fill
file f1 ext4 100 fill cold
mmap 3 40 r shared f0 7
read 3
snap pagemap,status
read 30
snap pagemap
read 42
snap pagemap
munmap 0 64
mmap 500 40 rw shared f0 20
read 510
snap pagemap,status
read 513
snap pagemap,status
write 505 1
write 530 1
snap pagemap,lru,smaps
munmap 510 4
read 509
read 514
snap pagemap
mmap 510 4 r private f0 30
read 512
snap pagemap,mapcount
munmap 500 60
mmap 0 5 r private f0 59
read 2
mmap 20 80 rw private f0
read 83
read 84
write 40 1
read 41
snap pagemap,mapcount,smaps,lru
mmap 200 100 rw shared f1
write 250 3
sleep 30
snap pagemap
read 251
read 240
read 266
sleep 30
mincore 200 100
snap pagemap,mapcount
munmap 238 2
mmap 238 2 rw shared f1 38
read 239
read 238
snap pagemap,lru,smaps,status
