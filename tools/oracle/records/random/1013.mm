# seed 1013, files
file f0 tmpfs 24
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
read 42
brk 21
mmap 14 3 rw private,anon,fixed
write 52 136
mmap 35 6 rw private,anon,fixed,growsdown
mmap 19 15 rw private,anon,fixed,stack
punch f1 23 4
snap maps,pagemap,mapcount,smaps,status
read b+18
punch f0 12 7
read 35
madvise b+13 6 cold
read 58
mmap 65 6 r private f0 17
write 35 125 11
snap maps,pagemap,mapcount,smaps,status
mprotect 48 8 rw
write b+1 105
mmap 32 6 w shared,anon,fixed
read 40 5
write 9 178 37
ftruncate f1 19
write 29 50
snap maps,pagemap,mapcount,smaps,status
write 29 43
write 0 112 3
madvise 0 46 dontneed_locked
pwrite f1 6 17
mprotect 53 3 rwx
brk 16
mprotect 0 46 r
snap maps,pagemap,mapcount,smaps,status
mprotect 68 4 rw
brk 6
write 49 105 3
ftruncate f1 0
mmap 35 14 rw private,anon,fixed,growsdown
mmap 56 2 rwx shared,populate,noreserve f0 17
read 60 6
snap maps,pagemap,mapcount,smaps,status
punch f0 12 4
write 33 60
punch f0 23 8
mmap 52 6 rx private,anon
mremap 68 1 5 maymove,fixed 44
ftruncate f0 19
mprotect 62 1 rw
snap maps,pagemap,mapcount,smaps,status
exec @2000
mmap 10 8 r private,anon,noreserve,growsdown
mmap 64 7 rw shared f0
mprotect 6 13 rw
madvise 13 9 willneed
write 47 40
pmadvise P0 21 9 willneed
snap maps,pagemap,mapcount,smaps,status
mprotect 31 10 r
madvise 69.1 1 guard_install
mmap 3 8 r private f1
read 26
pread f0 2
mprotect 32 12 r
mmap any 9 rw private,anon
snap maps,pagemap,mapcount,smaps,status
msync 32 14 async,invalidate
mremap 17 1 3 -
mmap 2 13 rw private,hint,locked f1 0
mmap 66 4 rw private,anon,populate
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
