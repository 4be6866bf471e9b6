# seed 2003, arena on a disk
file f0 ext4 24 cold
file f1 ext4 192 fill
file f2 ext4 16 fill
file f3 tmpfs 12 fill
mmap 0 20 rw shared f0
mmap 24 16 rw private f0 4
mmap 44 8 rw shared f3
mmap 200 169 rw shared f1 23
sleep 20
read 3
brk 13
pwrite f2 7 32
fork P1
fsync f3
mremap 48 4 6 fixed 47
munmap 4 6
sleep 20
snap maps,pagemap,mapcount,smaps,status
mremap 24 16 16 maymove,fixed,dontunmap 30
msync 48 8 sync,invalidate
dropcaps
fork P2
on P2
read 44 4
fadvise f0 10 26 dontneed
sleep 20
read 11 3
sleep 20
snap maps,pagemap,mapcount,smaps,status
mremap 31 4 11 maymove
write b+0 193
clear_refs 3
read 34
read 18
read 251
sleep 20
mincore 200 169
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
mremap 3 7 2 -
mprotect 39 6 rwx
msync 44 8 sync
punch f0 2 4
mmap 55 15 r shared,anon
sleep 20
mincore 10 10
fadvise f2 6 31 sequential
sleep 20
snap maps,pagemap,mapcount,smaps,status
msync 0 11 sync,async
fadvise f0 5 20 willneed
sleep 20
mremap 0 6 7 maymove
mmap 7 3 rw private,anon
madvise 3 1 pageout
sleep 20
ftruncate f1 93.100
mmap 54 9 rw shared,fixed f1
sleep 20
snap maps,pagemap,mapcount,smaps,status,lru
mremap 54 16 16 maymove,fixed 37
sleep 20
mincore 24 29
mremap 43 8 8 maymove
sleep 20
mincore 8 8
drain
write b+13 25
write 29 10 2
sleep 20
snap maps,pagemap,mapcount,smaps,status,kpf,lru
mremap 34 6 6 maymove,fixed,dontunmap 8
on P0
madvise 46 10 wipeonfork
write 1 45
munmap 48 6
on P2
mmap 24 13 rw private,anon,fixed,growsdown
sleep 20
snap maps,pagemap,mapcount,smaps,status
write 44 199
mlock2 37 3 onfault
read 52 4
read 200 5
sleep 20
munlock 43 5
mprotect 7 6 rw
fadvise f1 11 11 willneed
sleep 20
snap maps,pagemap,mapcount,smaps,status
madvise 46 7 pageout
sleep 20
madvise 7 13 populate_write
munmap 0 4
ftruncate f1 86
sleep 20
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
