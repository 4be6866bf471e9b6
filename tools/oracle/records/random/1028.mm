# seed 1028, limits
file f0 tmpfs 24
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
mmap 62 6 rw shared,anon,hint
mprotect 31 14 rw
mprotect 12 4 r
read 4
munmap 0 20
exec @0
rlimit data +28
snap maps,pagemap,mapcount,smaps,status
read 49
mmap 46 11 rw private,anon,fixed
mlock2 41 10 onfault
read 38
drain
read 26
write 42 167
snap maps,pagemap,mapcount,smaps,status
mprotect 58 6 rwx
fork P1
mmap 10 10 rwx shared,anon,populate
write 33.4095 17
madvise 56 7 willneed
mlock 39 10
mremap 37 3 3 -
snap maps,pagemap,mapcount,smaps,status
read 36 5
madvise 44 9 populate_read
read 56
clear_refs 1
write 14.17 50
mmap any 14 rw private f1 13
read 19
snap maps,pagemap,mapcount,smaps,status
mlock2 59 9 onfault
rlimit data +28
write 63 177
mremap 10 10 7 -
madvise 52 4 willneed
mlock2 32 2 -
read m+0
snap maps,pagemap,mapcount,smaps,status
madvise 26.1 7 guard_install
brk -1
read 47
munlock 13 5
mlock 28 1
on P1
mmap 9 2 rw private,anon,hint
snap maps,pagemap,mapcount,smaps,status
brk 10
fork P2
drain
read 54
fork P3
on P3
mlock 27 1
mlock2 54 7 onfault
snap maps,pagemap,mapcount,smaps,status
on P2
madvise 32.1 2 free
mprotect b+2 5 rw
munlock 46.1 1
pmadvise P0 47 14 77
mmap any 6 - shared,anon
mmap 0 9 rw shared,anon,fixed
snap maps,pagemap,mapcount,smaps,status
madvise 37 2 mergeable
read 7
on P0
madvise 15 23 pageout
sleep 40
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
on P2
snap maps,pagemap,mapcount,kpf,smaps,status
on P3
snap maps,pagemap,mapcount,kpf,smaps,status
