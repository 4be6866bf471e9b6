mmap 0 8 rw private,anon
mmap 8 4 rw shared,anon
write 0 1 12
fork P1
snap pagemap,mapcount,smaps,status
on P1
snap pagemap,mapcount,smaps,status
write 0 50
write 8 51
read 1
read 9
fork P2
on P2
write 1 60
write 2 61
snap pagemap,mapcount,smaps,status
on P0
read 0
read 8
write 0 70
write 1 71
write 2 72
snap pagemap,mapcount,smaps,status
on P1
write 2 80
snap pagemap,mapcount,smaps,status
on P2
exit 3
on P1
wait
# Alone with it now: written without a copy.
write 3 81
snap pagemap,mapcount,smaps,status
exit 0
on P0
wait
write 4 82
write 5 83
snap pagemap,mapcount,smaps,status
madvise 0 2 dontfork
madvise 2 2 wipeonfork
fork P3
on P3
snap maps,pagemap,smaps,status
read 0
read 2
write 3 1
fork P4
on P4
read 3
snap maps,pagemap,mapcount,smaps,status
