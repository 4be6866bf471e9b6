mmap 0 24 rw private,anon
write 0 1 24
madvise 0 24 pageout
sleep 100
snap pagemap,smaps,status
read 0
write 1 50
snap pagemap,smaps,status
madvise 0 24 pageout
sleep 100
snap pagemap,smaps,status
fork P1
on P1
read 0 4
write 2 60
snap pagemap,mapcount,smaps,status
on P0
read 2
write 3 61
snap pagemap,mapcount,smaps,status
madvise 0 4 dontneed
munmap 8 4
mremap 16 4 4 maymove,fixed 40
read 40 4
snap maps,pagemap,smaps,status
on P1
exit 0
on P0
wait
write 4 1 4
snap pagemap,mapcount,smaps,status
mmap 60 6 rw shared,anon
write 60 1 6
madvise 60 6 pageout
sleep 100
snap pagemap,smaps,status
read 60 6
snap pagemap,mapcount,smaps,status
