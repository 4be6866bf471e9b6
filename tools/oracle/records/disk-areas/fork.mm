# several processes map one file
file f0 ext4 64 fill
mmap 0 16 rw shared f0
mmap 100 16 rw private f0
write 0 1
read 100
write 101 1
fork P1
snap pagemap,mapcount,smaps,lru
on P1
snap pagemap,mapcount,smaps,lru
write 0 2
read 1
write 1 1
read 100
write 101 3
snap pagemap,mapcount,smaps,lru,numa
on P0
msync 0 16 sync
snap pagemap,mapcount,smaps,lru
write 0 2
on P1
write 0 3
write 1 3
snap pagemap,mapcount,smaps,lru
mremap 0 16 32 maymove,fixed 200
write 200 1
write 215 1
write 231 1
snap pagemap,mapcount,smaps,lru
mprotect 200 16 r
mprotect 200 16 rw
write 200 1
write 203 1
snap smaps,lru,status
fork P2
on P2
madvise 200 32 cold
madvise 100 16 cold
snap lru,smaps
madvise 100 16 dontfork
fork P3
on P3
snap maps,smaps,status
read 201
ftruncate f0 8
on P0
snap pagemap,mapcount,smaps,lru,status
read 7
read 8
on P2
exit 0
on P1
wait
snap pagemap,mapcount,smaps,lru,status,numa
