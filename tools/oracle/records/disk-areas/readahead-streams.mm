# two streams in one mapping, two mappings of one file, two openings
file f0 ext4 512 fill cold
file f1 ext4 128 fill cold
mmap 0 512 r shared f0
read 0 24
sleep 30
read 256 24
sleep 30
mincore 0 512
read 24 10
sleep 30
read 280 10
sleep 30
mincore 0 512
read 34 30
sleep 30
read 290 30
sleep 30
mincore 0 512
read 64 40
sleep 30
read 320 40
sleep 30
mincore 0 512
snap pagemap,kpf
mmap 600 128 r shared f1
mmap 800 100 r private f1 28
read 600 30
sleep 30
read 810 30
sleep 30
mincore 600 128
snap pagemap,kpf,mapcount
fork P1
on P1
read 640
read 600 128
sleep 30
snap pagemap,kpf,mapcount,status
on P0
read 800 100
snap pagemap,mapcount,smaps
