# seed 1015, copying
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 8 5 3
write 11 110
pread f0 14
mprotect 0 20 w
read 40 5
mmap any 6 rw shared f1 17
read 12 5
snap maps,pagemap,mapcount,smaps,status
write 38 181 8
write 31 147 3
write 43 88
read 62
ftruncate f0 4
read s-2
mprotect 3 16 wg
snap maps,pagemap,mapcount,smaps,status
madvise 0 20 guard_install
read 31
mmap 36 4 w private,anon,fixed,growsdown
write 31 98
write 26 41 8
mlock2 31 5 onfault
write 3 2
snap maps,pagemap,mapcount,smaps,status
oom_score_adj 100
write 30.2048 158 3
read 45 5
write 5 184
munmap 39 6
read 24
mmap any 1 rw private,anon
snap maps,pagemap,mapcount,smaps,status
write m+0 116
madvise 48 12 populate_read
read 8.1
mprotect 7 2 rw
write 38 167 3
write 13 140
mmap 55 12 rwx private,fixed f0 1
snap maps,pagemap,mapcount,smaps,status
madvise 48 19 normal
read 24
mmap any 12 rw private f0 1
mmap 24 7 rw private,anon
msync 2 5 sync
mmap 59 1 rw private,hint f1 9
mmap any 15 rw private,anon,noreserve
snap maps,pagemap,mapcount,smaps,status
write 7 169
read 18
fork P1
on P1
mremap 0 20 2 maymove,fixed 33
on P0
write 18 13
munmap 48 19
snap maps,pagemap,mapcount,smaps,status
mremap 0 20 7 maymove,fixed,dontunmap 38
read 1
madvise 5 5 keeponfork
mremap 24 7 7 -
read 6
on P1
read 63 5
snap maps,pagemap,mapcount,smaps,status
exec @0
write 37 51
mmap 8 13 rw private,anon,noreserve
pmadvise P0 48 19 pageout
sleep 40
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
on P1
snap maps,pagemap,mapcount,kpf,smaps,status
