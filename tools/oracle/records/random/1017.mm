# seed 1017, mixed
sysctl vm/page-cluster 0
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 50.2048 117
write 51 112 3
write 12 80
munmap 24 2
read 0
mmap any 3 rw private f0
madvise 44 19 pageout
sleep 40
snap maps,pagemap,mapcount,smaps,status
mmap 22 3 w private,anon,locked
mmap 8 15 rw private,hint f0
read m+1
mmap 0 9 rw private,anon,fixed,populate
read 41
read 21
write 41 50
snap maps,pagemap,mapcount,smaps,status
write 3 177 17
read 30
mremap 36 10 7 -
write m+1 33
pwrite f0 15 162
write m+1 163
write 28 12
snap maps,pagemap,mapcount,smaps,status
mmap any 16 rw shared,anon
mmap 37 6 r private,hint,noreserve f0 3
write 3 151 17
mmap 20 1 w shared,noreserve f1 11
munmap 0 21
write 48 86 8
mmap 4 3 rw private,anon,hint
snap maps,pagemap,mapcount,smaps,status
brk 0
mprotect 58 4 r
write 5 132
mmap 42 3 rw private,anon,fixed
munmap 60 5
write 32 185
mmap any 12 - private,anon
snap maps,pagemap,mapcount,smaps,status
madvise 44 6 cold
mremap 39 2 1 -
write 22 72
munmap 50 2
mmap 47 9 rwx shared,anon,fixed
read 37
fork P1
snap maps,pagemap,mapcount,smaps,status
madvise 50 3 populate_read
clear_refs 4
madvise 29 18 pageout
sleep 40
write 39 101
madvise 6 4 guard_install
mremap 22 3 3 maymove,fixed 18
write 43 24 2
snap maps,pagemap,mapcount,smaps,status
write 27 110
write 53 25
mmap 15 1 rx private,anon,fixed
mlock2 33 3 onfault
mincore 59 3
mmap 42 11 w private,fixed f1 12
mlock2 20 10 -
snap maps,pagemap,mapcount,smaps,status
read 36
madvise 41 4 nohugepage
read 49
write 27 129
on P0
snap maps,pagemap,mapcount,kpf,smaps,status,oom
on P1
snap maps,pagemap,mapcount,kpf,smaps,status,oom
