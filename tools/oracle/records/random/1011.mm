# seed 1011, limits
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mremap 0 4 10 maymove,fixed 20
oom_score_adj 1001
exec @2000
mmap 58 8 rw shared,anon,hint
mlock2 42 8 onfault
write 44 194
rlimit as +28
snap maps,pagemap,mapcount,smaps,status,lru
rlimit data +88
madvise 11 11 pageout
sleep 40
read 33
madvise 4 30 pageout
sleep 40
read 15 3 3
mprotect 18 14 rw
ftruncate f0 27
snap maps,pagemap,mapcount,smaps,status
mmap 32 2 w private,anon,fixed,growsdown
mlock2 40 9 onfault
write 32 4
madvise 58 6 dontneed
mmap 64 2 r private,anon
madvise 30 6 random
mmap 0 3 - shared,anon
snap maps,pagemap,mapcount,smaps,status
mmap 9 14 rw private,anon,fixed
read 63
read 14
mmap 61 2 rx private,anon,fixed,populate,nonblock
munlock 58 8
read 30 3 3
ftruncate f0 22
snap maps,pagemap,mapcount,smaps,status
write 5 105
brk 13
write 24 152
write 50 183 6
madvise 4 1 random
brk 11
mmap 36 13 rwx shared f1 1
snap maps,pagemap,mapcount,smaps,status
mprotect b+2 8 r
read 17 3
madvise 4 30 dontneed
brk 24
madvise 33 7 remove
write 18 164
mremap 36 10 12 -
snap maps,pagemap,mapcount,smaps,status
munlock 52 3
munmap 62 1
mmap any 6 rw shared,anon
munlockall
mmap any 7 rwx shared,growsdown f1 7
clear_refs 2
write 29 165 5
snap maps,pagemap,mapcount,smaps,status
read m+1
read 65
munmap 65 2
mlock2 36 10 onfault
read 51
madvise 0 4 dontdump
mlock 44 8
snap maps,pagemap,mapcount,smaps,status
write 29 156 3
mmap 22 7 rw private,fixed f0 7
write 54 121
write 51 114
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
