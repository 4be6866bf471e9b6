# reading a cold file through a mapping: read-around, the marker, windows that grow, larger folios
file f0 ext4 256 fill cold
file f1 ext4 200 fill cold
mmap 0 256 r shared f0
mincore 0 256
read 0
sleep 50
snap pagemap,lru,kpf,smaps,status,numa
read 23
read 24
sleep 50
mincore 0 256
snap pagemap,kpf
read 32
sleep 50
mincore 0 256
snap pagemap,kpf,lru
read 33
read 48
read 64
sleep 50
mincore 0 256
read 80 60
sleep 50
mincore 0 256
snap pagemap,kpf,lru,mapcount,smaps
read 140 116
sleep 50
snap pagemap,kpf,status
mmap 300 200 r private f1
read 400
sleep 50
mincore 300 200
snap pagemap
read 350
sleep 50
mincore 300 200
read 366
sleep 50
mincore 300 200
snap pagemap
read 380 20
sleep 50
mincore 300 200
read 499
sleep 50
mincore 300 200
read 300 200
snap pagemap,kpf,status
