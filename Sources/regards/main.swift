print("regards")
