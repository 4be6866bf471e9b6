# seed 2009, streams on a disk
file f0 ext4 24 fill
file f1 ext4 192 fill cold
file f2 ext4 40 fill cold ro
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 168 rw shared f1 24
sleep 20
read 5
drain
mmap 33 4 - private,anon,hint
write 38 166
madvise 263 28 sequential
sleep 20
pread f0 15
sleep 20
pread f0 15
sleep 20
read 3
sleep 20
snap maps,pagemap,mapcount,smaps,status
fadvise f3 8 5 random
sleep 20
madvise 200 168 pageout
sleep 20
madvise 30 9 willneed
ftruncate f0 20
punch f3 7 4
write 46 177 6
munmap 200 192
mmap 200 192 r shared f1 0
sleep 20
snap maps,pagemap,mapcount,smaps,status,numa
prctl 66
write 49 159 4
drain
ftruncate f3 5
mmap any 2 - private,noreserve f3 4
read 262 3
sleep 20
read 200 3
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
read 203 33
sleep 20
write 48 110 4
madvise 388 4 populate_write
sleep 20
madvise 51 9 populate_read
madvise 16 1 dontfork
read 11 4 3
madvise 200 192 hugepage
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru,numa,oom
pwrite f3 2 118
read 225
sleep 20
mincore 200 192
pread f2 0
sleep 20
pread f2 1
sleep 20
read 201 2
sleep 20
fadvise f3 0 11 dontneed
sleep 20
read 236 60
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
read 319
sleep 20
read 289 2
sleep 20
fadvise f2 9 14 sequential
sleep 20
madvise 200 192 dontneed
sleep 20
read 291 12
sleep 20
pread f0 3.1
ftruncate f1 83.1
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
read 303 55
sleep 20
pwrite f0 1 171
pread f0 2
read 358 6
sleep 20
fadvise f3 0 27 random
sleep 20
fadvise f1 0 0 dontneed
sleep 20
brk -1
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
ftruncate f1 129
munmap 200 192
mmap 200 192 rw private,populate f1 0
sleep 20
mlock2 24 7 onfault
fork P1
read 33
pread f3 3
sleep 20
pread f3 1
sleep 20
on P1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
pread f1 115
sleep 20
munmap 200 192
mmap 200 192 r shared f1 0
sleep 20
mprotect 31 3 rwx
madvise 24 8 populate_read
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
