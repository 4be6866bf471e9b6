# seed 1009, copying
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
madvise 58 6 dontneed
mprotect 36 10 rx
write 12 51 8
read 18
mlock2 2 9 -
write 26 149 6 2
write 49 172 3 3
snap maps,pagemap,mapcount,smaps,status,kpf,lru
write 55 1 4
mmap 60 9 rw shared,anon,hint,populate
read 16
read 51
read 18 6 2
mmap 61 3 rw private,hint f1
read 63.17
snap maps,pagemap,mapcount,smaps,status
brk 7
read 10
read 6
write 55 159
exec 4000
mmap 7 16 rw shared,anon,populate
ftruncate f1 21.100
snap maps,pagemap,mapcount,smaps,status,numa
clear_refs 6
write 1 110 19
mprotect 4 14 rw
write 5 54
mmap 64 7 rw shared,anon
mremap 49 3 2 maymove,fixed 45
write 14 168
snap maps,pagemap,mapcount,smaps,status
brk 19
mprotect 18 10 w
mremap 0 20 2 -
mmap 45 16 rw private,anon,fixed
fork P1
write 30 147 4
mmap 12 1 rw private,anon,hint,noreserve
snap maps,pagemap,mapcount,smaps,status,numa
brk 4
write 69.2048 149 6
fork P2
on P2
read 0
madvise b+0 1 willneed
on P0
on P1
snap maps,pagemap,mapcount,smaps,status,lru
pwrite f1 3 88
rlimit stack 200
write b+9 41 2
mprotect 60 8 rwx
madvise 1 6 random
fork P3
on P3
read 68
snap maps,pagemap,mapcount,smaps,status
write 70 19
on P2
ftruncate f1 15
mmap 13 11 rw shared f0
mremap 55 3 3 maymove,dontunmap
read 69
mremap 64 3 12 maymove
snap maps,pagemap,mapcount,smaps,status,numa
write 14 24
on P0
mremap 51 8 8 maymove,dontunmap
mremap 12 4 4 maymove,dontunmap
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P2
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
on P3
snap maps,pagemap,mapcount,kpf,smaps,status,oom,lru,numa
