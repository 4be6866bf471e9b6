# seed 1017, mixed
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 58.2048
read 1
write 19 190 3 3
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
write m+2 82
pwrite f0 4 190
mremap 36 10 7 -
fork P1
on P1
mmap any 3 rx private,noreserve f1 8
read 22.17
write 54 60
snap maps,pagemap,mapcount,smaps,status
write 37 114 6 2
madvise 22 3 dontneed
mmap 25 1 rwx shared f1
write 10 7
madvise 0 20 guard_remove
write 42 113 1
write 36 168 6 2
snap maps,pagemap,mapcount,smaps,status
read 16 6
mmap 68 2 rw private,anon
madvise 58 6 unmergeable
madvise 33 16 pageout
sleep 40
on P0
mmap any 12 - private,anon
madvise 40 6 cold
snap maps,pagemap,mapcount,smaps,status
mremap 30 2 1 -
write 5 72
munmap 50 2
mmap 47 9 rwx shared,anon,fixed
read 26
pwrite f1 17.1 151
write 38 139
snap maps,pagemap,mapcount,smaps,status
read 42
oom_score_adj 500
write 29 101
madvise 4 4 guard_install
mremap 0 20 20 maymove,fixed 13
write 33 24 1
write 11 110
snap maps,pagemap,mapcount,smaps,status
read 59 2
mremap 56 5 7 maymove,fixed 45
madvise 15 10 guard_remove
write 55 40
mprotect 4 11 w
read 19
read 29
snap maps,pagemap,mapcount,smaps,status
exec @0
write 38 131
madvise 30 4 nohugepage
read 49
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
