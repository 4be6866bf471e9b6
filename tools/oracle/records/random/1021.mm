# seed 1021, vmas
file f0 tmpfs 24 fill
file f1 memfd 24 fill
mmap 0 20 rw private,anon
mmap 24 10 rw shared f0 4
mmap 36 10 rw private f1 2
mmap 48 8 rw shared,anon
mmap 58 6 r private,anon
write 27 188 7
mremap 6 8 8 maymove
write 9 74
mmap 55 3 - private,anon,fixed
madvise 36 12 willneed
madvise 11 16 pageout
sleep 40
mmap 68 1 rw private,anon
snap maps,pagemap,mapcount,smaps,status
write 29 20
mremap 56 4 4 -
mprotect 42 2 rwxg
msync 36 11 sync,invalidate
brk 18
mprotect 61 7 rw
read 61
snap maps,pagemap,mapcount,smaps,status
read 36 6 2
madvise 29 11 populate_read
write 13 12 7
mremap 48 16 16 maymove,fixed,dontunmap 48
mmap 34 5 r shared,anon,fixed
madvise 62 3 pageout
sleep 40
madvise 62 3 pageout
sleep 40
write 64 190
read 24 4
snap maps,pagemap,mapcount,smaps,status
madvise 0 20 pageout
sleep 40
read 7.17
mprotect 0 15 r
write 26 22 8
mmap 33 2 rw shared,fixed,growsdown f1 14
read 24.4095
madvise 55 12 normal
snap maps,pagemap,mapcount,smaps,status
mmap 14 10 rw shared,anon
munmap 7 5
drain
pmadvise P0 51 1 cold
write 40 198
mmap 19 7 rwx private,populate f0
mmap 35 7 rw private,anon,fixed
snap maps,pagemap,mapcount,smaps,status
mmap 31 15 rw private,anon,hint,noreserve
madvise 54 9 willneed
mprotect 12 8 r
madvise 25 9 free
write 43 78 3
write 53 151
mremap 5 0 4 fixed 29
snap maps,pagemap,mapcount,smaps,status
munmap 40 1
munmap 24 16
mprotect 17 3 rw
read 18 6
drain
mlock 48 3
ftruncate f1 27
snap maps,pagemap,mapcount,smaps,status
brk 4
mprotect 1 14 r
mmap 22 14 rw private,hint,populate f1 13
mprotect 22 7 rw
munmap 24 6
madvise 18 20 pageout
sleep 40
mmap 38 15 r shared,anon,noreserve,locked
snap maps,pagemap,mapcount,smaps,status
madvise 30 6 cold
punch f1 10 8
read 19
mmap 6 6 rw private f0
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
