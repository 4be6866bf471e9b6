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
madvise 53 17 pageout
sleep 40
read 68
snap maps,pagemap,mapcount,smaps,status
mmap 45 5 r private,anon
mmap 14 3 rw private,fixed f0 7
read b+11
madvise 68 1 populate_write
mmap 19 9 rw private,hint f0 13
mprotect 28 9 rw
mmap 31 15 rw private,anon,hint,noreserve
snap maps,pagemap,mapcount,smaps,status
madvise 54 9 willneed
mprotect 0 20 r
madvise 18 9 free
write 43 78 3
write 53 151
mremap 6 0 4 fixed 29
munmap 38 1
snap maps,pagemap,mapcount,smaps,status
munmap 24 14
mprotect 14 3 rw
read 15 6
drain
mseal 42 1
munmap 56 6
mprotect 1 14 r
snap maps,pagemap,mapcount,smaps,status
mmap 22 14 rw private,hint,populate f1 12
mprotect 15 7 rw
munmap 17 6
madvise 15 20 pageout
sleep 40
mmap 38 15 r shared,anon,noreserve,locked
madvise 23 13 cold
punch f1 9 8
snap maps,pagemap,mapcount,smaps,status
read 16
mmap 56 6 rw private f0
mmap 9 14 rw shared,anon
mmap 7 15 w validate,anon,fixed
on P0
snap maps,pagemap,mapcount,kpf,smaps,status
