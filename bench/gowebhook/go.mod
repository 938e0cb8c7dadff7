module cutline.dev/bench/gowebhook

go 1.26
