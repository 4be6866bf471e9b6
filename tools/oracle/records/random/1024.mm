# seed 1024, files
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 4 4 3
write 5 130
mlock 29 3
mmap 3 9 r private f0 21
read 2
mprotect 45 6 r
write 31 162
snap maps,pagemap,mapcount,smaps,status
write 25 162 9
mmap 58 1 rw shared,anon,hint
mmap 65 7 w private,populate f0
write 28 171
drain
madvise 36 10 dontneed
munmap 13 6
snap maps,pagemap,mapcount,smaps,status
munlock 19 1
mmap 10 15 rw private,anon,fixed,locked
munmap 62 6
read 36
mremap 9 7 7 maymove,fixed 25
write 44 137
mmap 10 13 rw private,anon
snap maps,pagemap,mapcount,smaps,status
munmap 71 1
read 2
mmap 51 14 r private,anon,fixed
pwrite f0 4 175
mlock 16 18
mmap 38 8 rwx private,anon,fixed
brk 12
snap maps,pagemap,mapcount,smaps,status
madvise 44 8 populate_read
brk 16
write 48 184 3
read 32
madvise 45 9 dontneed
ftruncate f0 26
read b+15 6
snap maps,pagemap,mapcount,smaps,status
write b+1 182
mlock2 50 8 onfault
mmap 2 14 rx shared,anon,noreserve
mprotect 63 6 rw
pread f0 10.1
ftruncate f1 17.100
pread f0 0.4095
snap maps,pagemap,mapcount,smaps,status
mprotect 28 6 rw
read 3
pwrite f0 10.1 181
read 48
madvise 0 9 pageout
sleep 40
read 30
write 4.4095 52
snap maps,pagemap,mapcount,smaps,status
read 18
madvise 57 1 dontneed
mmap 6 11 rwx shared,anon,populate,nonblock,noreserve
mmap 32 9 rw private,anon,populate
msync 6 1 invalidate
clear_refs 1
munmap 35 6
snap maps,pagemap,mapcount,smaps,status
write 5 105
mprotect 54 16 rw
mprotect 58 7 rw
msync 68 2 -
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
